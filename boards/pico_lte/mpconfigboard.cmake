# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
#
# What CMake has to know of the board: docs/image.md.

set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# The modem is a PPP peer on UART1: lwIP without any network chip.
set(MICROPY_PY_LWIP ON)

# The modem itself answers an echo every 5 s, whatever its network does; after three that it does not, it is gone, has
# restarted or hung up, and status() of network.PPP says so.
list(APPEND MICROPY_DEF_BOARD LCP_ECHOINTERVAL=5 LCP_MAXECHOFAILS=3)

set(MBEDTLS_CONFIG_FILE "${MICROPY_BOARD_DIR}/mpconfigboard_mbedtls.h")
