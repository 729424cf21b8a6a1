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

// 8 bytes of the heap in each module, and nobody asks where a frozen one was.
#define MICROPY_PY___FILE__ (0)

// The stack: MicroPython's 8 KB (two banks of SCRATCH) are not enough, the last 8 KB of the heap, which lie right below,
// are added. This runs in main() before anything is allocated. Interrupts run on top of whatever they interrupt, the
// guard's among them, which must never find it full: they have a part of their own, and the program may not go there.
// MicroPython leaves 256 bytes for what C code takes between two checks of the depth; littlefs takes up to 1,650. Figures:
// `host_tests/emulator/test_stack.py`.
#define PILOTLIGHT_STACK_BYTES (16 * 1024)
#define PILOTLIGHT_INTERRUPTS_BYTES (4 * 1024)
#define PILOTLIGHT_C_BYTES (1536)
#define MICROPY_HARD_IRQ_STACK_LIMIT (PILOTLIGHT_STACK_BYTES - 512)
#define MICROPY_BOARD_EARLY_INIT() \
    do { \
        gc_init(&__GcHeapStart, (void *)((uintptr_t)&__StackTop - PILOTLIGHT_STACK_BYTES)); \
        mp_cstack_init_with_top(&__StackTop, \
            PILOTLIGHT_STACK_BYTES - PILOTLIGHT_INTERRUPTS_BYTES - PILOTLIGHT_C_BYTES); \
    } while (0)

// lwIP's own sizes, but for its heap (8,000) and the send buffer (8 * TCP_MSS): with those a write over PPP fails for want
// of memory after its bytes were queued, and they are sent twice when it is repeated.
#define MEM_SIZE (12000)
#define TCP_MSS (800)
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (4 * TCP_MSS)
#define MEMP_NUM_TCP_SEG (32)

// Where an attribute was found the last time: a byte for each of so many names. MicroPython's 128 are for scripts; with
// the names of this firmware most of them push each other out, and a step of the main loop takes 5 % longer.
#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE (512)
