/* What the library says of itself: processors and threads. */
#include "api.h"
#include "pool.h"

const char *native_kernels_name(int i)
{
    const Kernels *found[MOST_KERNELS];
    int count = usable_kernels(found);
    return i >= 0 && i < count ? found[i]->name : NULL;
}

const Kernels *native_kernels(const char *name)
{
    return kernels_named(name);
}

void native_set_threads(int wanted)
{
    pool_set_threads(pool_shared(), wanted);
}

int native_threads(void)
{
    return pool_threads(pool_shared());
}
