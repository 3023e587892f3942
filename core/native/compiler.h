/* What is asked of the compiler beyond C11, in the words that GCC and Clang share or have for it. */
#ifndef SMALLCODER_COMPILER_H
#define SMALLCODER_COMPILER_H

/* Parameters that are constants where the function is called become constants in it. */
#define INLINE static inline __attribute__((always_inline))

/* Before a loop of a few rounds, so that the arrays it walks through can be registers. */
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Over this the compiler moves nothing that reads or writes: it would move requests for memory together,
   which holds up the processor, or keep more numbers than there are registers for. */
INLINE void stand_apart(void)
{
    __asm__ volatile("" ::: "memory");
}

#endif
