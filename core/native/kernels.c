/* Which of the tables work on this processor. Asked of the processor itself, because what compilers offer
   for it needs a library that not every one of them brings. */
#include "kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

typedef struct {
    bool avx2, avxvnni, avx512; /* each with all that its table needs */
    bool neon_dot;
} Features;

#if defined(__x86_64__)

/* Which registers the system saves when it changes threads; without that, they must not be used. */
static uint32_t saved_registers(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has_all(uint32_t bits, uint32_t wanted)
{
    return (bits & wanted) == wanted;
}

static Features features(void)
{
    const uint32_t FMA = 1u << 12, OSXSAVE = 1u << 27, AVX = 1u << 28, F16C = 1u << 29; /* leaf 1, ecx */
    const uint32_t AVX2 = 1u << 5, F = 1u << 16, DQ = 1u << 17, BW = 1u << 30,
                   VL = 1u << 31;      /* leaf 7, ebx */
    const uint32_t VNNI = 1u << 11;    /* leaf 7, ecx */
    const uint32_t AVX_VNNI = 1u << 4; /* leaf 7.1, eax */
    const uint32_t YMM = 0x6, ZMM = 0xe6;
    Features found = {0};
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_all(c, FMA | OSXSAVE | AVX | F16C)) return found;
    uint32_t saved = saved_registers();
    if (!has_all(saved, YMM) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
    found.avx2 = has_all(b, AVX2);
    found.avx512 = found.avx2 && has_all(saved, ZMM) && has_all(b, F | DQ | BW | VL) && has_all(c, VNNI);
    found.avxvnni = found.avx2 && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && has_all(a, AVX_VNNI);
    return found;
}

#elif defined(__aarch64__)

static Features features(void)
{
#if defined(__APPLE__)
    return (Features){.neon_dot = true};
#elif defined(__linux__)
    const unsigned long ASIMDDP = 1ul << 20;
    return (Features){.neon_dot = (getauxval(AT_HWCAP) & ASIMDDP) != 0};
#else
    return (Features){0};
#endif
}

#else

static Features features(void)
{
    return (Features){0};
}

#endif

int usable_kernels(const Kernels *found[MOST_KERNELS])
{
    Features has = features();
    const Kernels *tables[MOST_KERNELS] = {
        has.avx512 ? kernels_avx512() : NULL,  has.avxvnni ? kernels_avxvnni() : NULL,
        has.neon_dot ? kernels_neon() : NULL,  has.avx2 ? kernels_avx2() : NULL,
        has.avx512 ? kernels_vnni256() : NULL, kernels_plain(),
    };
    int count = 0;
    for (int i = 0; i < MOST_KERNELS; i++)
        if (tables[i]) found[count++] = tables[i];
    return count;
}

const Kernels *kernels_named(const char *name)
{
    const Kernels *found[MOST_KERNELS];
    int count = usable_kernels(found);
    for (int i = 0; i < count; i++)
        if (!strcmp(found[i]->name, name)) return found[i];
    return NULL;
}
