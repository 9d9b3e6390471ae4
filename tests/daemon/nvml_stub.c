/* A libnvidia-ml.so.1 for tests: the real Python binding loads it and believes it.
 *
 * Every call reads the file named by NVML_STUB_STATE anew. One line each:
 *     all ERROR           every call answers with this NVML error (9: driver not loaded)
 *     hang                every call waits for ever, as a wedged driver does
 *     gpu UUID TOTAL_MIB FREE_MIB RECOVERY ERROR
 *                         RECOVERY -1: the field is not supported; ERROR: of calls on this GPU
 *     mig                 the GPU above is in MIG mode
 *     busy PERCENT        the GPU above tells how busy it is
 *     part UUID TOTAL_MIB FREE_MIB ERROR
 *                         one instance of the GPU above
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { char uuid[96]; long total, mib_free; int recovery, error, mig, busy, parent, number; } gpu_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, answer;
    union { double d; unsigned u; unsigned long long ull; } value;
} field_t;

#define NOT_SUPPORTED 3
#define NOT_FOUND 28
#define GPUS_MAX 16
#define PARTS_FROM 1000

static gpu_t gpus[GPUS_MAX], parts[GPUS_MAX];
static int parts_count;

/* How many GPUs there are, or minus the error of all calls. */
static int look(void) {
    const char *path = getenv("NVML_STUB_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    int count = 0, error;
    parts_count = 0;
    if (!file) return -12;
    while (fgets(line, sizeof line, file)) {
        gpu_t *gpu = &gpus[count];
        if (!strncmp(line, "hang", 4)) for (;;) pause();
        if (sscanf(line, "all %d", &error) == 1) { fclose(file); return -error; }
        if (!strncmp(line, "mig", 3) && count) gpus[count - 1].mig = 1;
        if (count) sscanf(line, "busy %d", &gpus[count - 1].busy);
        gpu_t *part = &parts[parts_count];
        if (parts_count < GPUS_MAX && count && sscanf(line, "part %95s %ld %ld %d", part->uuid,
                &part->total, &part->mib_free, &part->error) == 4) {
            part->parent = count - 1;
            part->number = parts_count && part[-1].parent == count - 1 ? part[-1].number + 1 : 0;
            parts_count++;
        }
        gpu->mig = 0;
        gpu->busy = -1;
        if (count < GPUS_MAX && sscanf(line, "gpu %95s %ld %ld %d %d", gpu->uuid, &gpu->total,
                                       &gpu->mib_free, &gpu->recovery, &gpu->error) == 5) count++;
    }
    fclose(file);
    return count;
}

static int find(void *handle, gpu_t **gpu) {
    long index = (long)handle - 1;
    int count = look();
    if (count < 0) return -count;
    if (index >= PARTS_FROM && index - PARTS_FROM < parts_count) {
        *gpu = &parts[index - PARTS_FROM];
        return (*gpu)->error;
    }
    if (index < 0 || index >= count) return NOT_FOUND;
    *gpu = &gpus[index];
    return (*gpu)->error;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; int n = look(); return n < 0 ? -n : 0; }
int nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(int error) {
    switch (error) {
        case 9: return "Driver Not Loaded";
        case 15: return "GPU is lost";
        case 16: return "GPU requires reset";
        case 18: return "Driver/library version mismatch";
        default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *text, unsigned size) {
    snprintf(text, size, "580.0-stub");
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    int n = look();
    if (n < 0) return -n;
    *count = n;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    gpu_t *gpu;
    *handle = (void *)(long)(index + 1);
    return find(*handle, &gpu);
}

int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (!error) snprintf(text, size, "%s", gpu->uuid);
    return error;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (!error) snprintf(text, size, "Stub %ld", gpu->total);
    return error;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (error) return error;
    if (gpu->mib_free < 0) return NOT_SUPPORTED;
    memory->total = (unsigned long long)gpu->total << 20;
    memory->free = (unsigned long long)gpu->mib_free << 20;
    memory->used = memory->total - memory->free;
    return 0;
}

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} pci_t;

/* The GPU of number N is at bus 0x18 + N. */
int nvmlDeviceGetPciInfo_v3(void *handle, pci_t *pci) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (!error) snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", 0x18 + (int)(gpu - gpus));
    return error;
}

typedef struct { unsigned gpu, memory; } rates_t;

int nvmlDeviceGetUtilizationRates(void *handle, rates_t *rates) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (error) return error;
    if (gpu->busy < 0) return NOT_SUPPORTED;
    rates->gpu = rates->memory = gpu->busy;
    return 0;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *degrees) {
    gpu_t *gpu;
    (void)sensor;
    *degrees = 41;
    return find(handle, &gpu);
}

int nvmlDeviceGetFieldValues(void *handle, int count, field_t *values) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (error) return error;
    for (int i = 0; i < count; i++) {
        values[i].answer = gpu->recovery < 0 ? NOT_SUPPORTED : 0;
        values[i].value.u = gpu->recovery;
    }
    return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, void *processes) {
    gpu_t *gpu;
    (void)processes;
    *count = 0;
    return find(handle, &gpu);
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (!error) *current = *pending = gpu->mig;
    return error;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) {
    gpu_t *gpu;
    *count = 7;
    return find(handle, &gpu);
}

/* Instances keep their numbers, so the first place of each GPU is empty here. */
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned number, void **part) {
    gpu_t *gpu;
    int error = find(handle, &gpu);
    if (error) return error;
    for (int i = 0; i < parts_count; i++)
        if (parts[i].parent == gpu - gpus && parts[i].number + 1 == (int)number) {
            *part = (void *)(long)(PARTS_FROM + i + 1);
            return 0;
        }
    return 6;
}
