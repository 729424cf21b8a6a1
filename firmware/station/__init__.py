# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a charge point does whatever the wire: transactions, authorization, configuration, metering."""
