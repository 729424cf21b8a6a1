// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
//
// What differs from MicroPython's Mbed TLS, and what it saves of the heap: docs/tls.md.

#ifndef PILOTLIGHT_MBEDTLS_CONFIG_H
#define PILOTLIGHT_MBEDTLS_CONFIG_H

#include "ports/rp2/mbedtls/mbedtls_config_port.h"

// Records of 4 KB, where the server agrees; then the buffer for a record of 16 KB is given back after the handshake.
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH
#define MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH

// TCP only.
#undef MBEDTLS_SSL_PROTO_DTLS

#endif
