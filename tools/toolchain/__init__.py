# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Set-up of everything the host needs, all of it under `build/`:
`python3 tools/toolchain [run|test|check|image|emulate|schedule]`.

Only the standard library is used here, since this runs before anything is installed. `tools/charger` and the
tests use `toolchain.interpreter` and `toolchain.bytecode` too.
"""
