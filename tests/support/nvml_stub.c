/* A stand-in for NVIDIA's libnvidia-ml.so.1 at the ABI edge: two GPUs, or what a broken driver does.
 * NVML_STUB names the behaviour: "" | none | abort | hang | init-error | lost | bare | noisy | bad-name | flood,
 * and for what is asked again and again: wddm | noisy-later | abort-later | hang-later | lost-later.
 * NVML_STUB_PROCESSES is "PID:BYTES PID:BYTES", what computes on the first GPU, each half of the time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, DRIVER_NOT_LOADED = 9, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } rates_t;

static int is(const char *name) {
    const char *mode = getenv("NVML_STUB");
    return mode != NULL && strcmp(mode, name) == 0;
}
typedef struct { unsigned int pid; unsigned long long used; unsigned int instance, compute_instance; } process_t;

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
int nvmlDeviceGetCount_v2(unsigned int *count) {
    static int asked = 0;
    if (++asked > 2 && is("lost-later")) return GPU_IS_LOST;
    *count = is("none") ? 0 : 2;
    return SUCCESS;
}
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
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius) {
    static int asked = 0;
    if (sensor != 0 || is("bare")) return NOT_SUPPORTED;
    if (is("noisy-later")) { puts("NVRM: hot\n{\"to\": \"0\", \"gpus\": []}"); fflush(stdout); }
    if (++asked > 4 && is("abort-later")) abort();
    if (asked > 4 && is("hang-later")) for (;;) pause();
    *celsius = 60 + 10 * number(device);
    return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process_t *processes) {
    const char *text = getenv("NVML_STUB_PROCESSES");
    unsigned int found = 0, room = *count;
    int read = 0;
    process_t one = { 0 };
    if (is("bare")) return NOT_SUPPORTED;
    while (number(device) == 0 && text && sscanf(text, "%u:%llu%n", &one.pid, &one.used, &read) == 2) {
        if (is("wddm")) one.used = ~0ULL; /* NVML_VALUE_NOT_AVAILABLE */
        if (processes && found < room) processes[found] = one;
        found++;
        text += read;
    }
    *count = found;
    return found && (!processes || found > room) ? INSUFFICIENT_SIZE : SUCCESS;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned int *count, process_t *processes) {
    (void)device; (void)processes;
    *count = 0;
    return is("bare") ? NOT_SUPPORTED : SUCCESS;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) {
    if (is("bare")) return NOT_SUPPORTED;
    *milliwatts = 120500 + 1000 * number(device);
    return SUCCESS;
}
typedef struct { unsigned int pid; unsigned long long at; unsigned int sm, memory, encoder, decoder; } sample_t;
int nvmlDeviceGetProcessUtilization(void *device, sample_t *samples, unsigned int *count, unsigned long long since) {
    const char *text = getenv("NVML_STUB_PROCESSES");
    unsigned int found = 0, room = *count, pid;
    unsigned long long used;
    int read = 0;
    if (is("bare")) return NOT_SUPPORTED;
    while (number(device) == 0 && text && sscanf(text, "%u:%llu%n", &pid, &used, &read) == 2) {
        for (int sample = 1; sample <= 2; sample++, found++) { /* two samples, of 100 and 0 percent */
            sample_t one = { pid, since + sample, sample == 1 ? 100 : 0, 0, 0, 0 };
            if (samples && found < room) samples[found] = one;
        }
        text += read;
    }
    *count = found;
    return found && (!samples || found > room) ? INSUFFICIENT_SIZE : SUCCESS;
}
int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    if (is("bare")) return NOT_SUPPORTED;
    snprintf(version, length, "555.42.06");
    return SUCCESS;
}
const char *nvmlErrorString(int result) { return result == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "Stub Error"; }
