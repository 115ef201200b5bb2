/* A stand-in for NVIDIA's libnvidia-ml.so.1 at the ABI edge: two GPUs, or what a broken driver does.
 * NVML_STUB names the behaviour: "" | none | abort | hang | init-error | lost | bare | noisy | bad-name | flood. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } rates_t;

static int is(const char *name) {
    const char *mode = getenv("NVML_STUB");
    return mode != NULL && strcmp(mode, name) == 0;
}
static int number(void *device) { return (int)(long)device - 1; }

int nvmlInitWithFlags(unsigned int flags) {
    if (is("abort")) abort();
    if (is("hang")) for (;;) pause();
    if (is("init-error")) return DRIVER_NOT_LOADED;
    if (is("noisy")) { puts("NVRM: hello from the driver"); fflush(stdout); }
    if (is("flood")) for (;;) puts("NVRM: hello from the driver, again and again and again");
    return SUCCESS;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = is("none") ? 0 : 2; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (is("lost") && index == 0) return GPU_IS_LOST;
    *device = (void *)(long)(index + 1);
    return SUCCESS;
}
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    if (is("bad-name")) snprintf(name, length, "\xff\xfe%d", number(device));
    else snprintf(name, length, "Stub RTX %d000", number(device) + 1);
    return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    if (is("bare")) return NOT_SUPPORTED;
    memory->total = (number(device) + 1) * 8ULL << 30;
    memory->free = memory->total / 2;
    memory->used = memory->total - memory->free;
    return SUCCESS;
}
int nvmlDeviceGetUtilizationRates(void *device, rates_t *rates) {
    if (is("bare")) return NOT_SUPPORTED;
    rates->gpu = number(device) == 0 ? 20 : 75;
    rates->memory = 10;
    return SUCCESS;
}
int nvmlDeviceGetComputeMode(void *device, int *mode) {
    if (is("bare")) return NOT_SUPPORTED;
    *mode = number(device) == 1 ? 2 : 0; /* the second is closed to programs */
    return SUCCESS;
}
int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    if (is("bare")) return NOT_SUPPORTED;
    snprintf(version, length, "555.42.06");
    return SUCCESS;
}
const char *nvmlErrorString(int result) { return result == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "Stub Error"; }
