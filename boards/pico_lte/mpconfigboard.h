// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
//
// What differs from MicroPython's RPI_PICO, and why: docs/image.md.

#define MICROPY_HW_BOARD_NAME "Pilotlight pico_lte"

// Half of the 2 MB, for the 512 KB that may wait in the outbox and all else that is kept (docs/files.md). `make image`
// fails when the program does not fit into the other half; the linker would not notice.
#define MICROPY_HW_FLASH_STORAGE_BYTES (1024 * 1024)

#define MICROPY_PY_NETWORK (1)
#define MICROPY_PY_NETWORK_PPP_LWIP (1)
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "pilotlight"

// The firmware's own WebSocket is used; a Python console on the network has no place in a charger.
#define MICROPY_PY_WEBSOCKET (0)
#define MICROPY_PY_WEBREPL (0)

// The guard's interrupt runs on the stack of whatever it interrupts, and takes 2.5 KB of it. MicroPython's 8 KB (two
// banks of SCRATCH) are not enough for both: the last 4 KB of the heap, which lie right below, are added. This runs in
// main() before anything is allocated.
#define PILOTLIGHT_STACK_BYTES (12 * 1024)
#define MICROPY_BOARD_EARLY_INIT() \
    do { \
        gc_init(&__GcHeapStart, (void *)((uintptr_t)&__StackTop - PILOTLIGHT_STACK_BYTES)); \
        mp_cstack_init_with_top(&__StackTop, PILOTLIGHT_STACK_BYTES); \
    } while (0)

// lwIP's own sizes, but for its heap (8,000) and the send buffer (8 * TCP_MSS): with those a write over PPP fails for want
// of memory after its bytes were queued, and they are sent twice when it is repeated.
#define MEM_SIZE (12000)
#define TCP_MSS (800)
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (4 * TCP_MSS)
#define MEMP_NUM_TCP_SEG (32)
