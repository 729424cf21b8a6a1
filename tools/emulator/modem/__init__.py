# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A simulated LTE modem of the SIM7600/A7670 class for the emulated board: AT commands and PPP on a byte
stream, and behind it a network that reaches servers on loopback and nothing else. No TUN device, no rights,
no package.

    line.py        the modem on a stream, with a clock; control.py: its faults, as JSON lines
    pins.py        its supply and PWRKEY, from the emulator's control channel
    carrier.py     the board's TCP connections, continued as sockets to 127.0.0.1

What follows knows no clock and no sockets, and so is tested in any order of events:

    modem.py       all of it together
    power.py       supply and PWRKEY
    at.py          the command line; commands.py: what is understood; cellular.py: SIM and registration
    hdlc.py        PPP's frames; options.py: how both ends agree; ppp.py: LCP, PAP, CHAP, IPCP
    radio.py       latency, loss, rate; faults.py: everything that can be wrong
    internet.py    ping, DNS (dns.py), SNTP (ntp.py) and TCP (tcp.py, inbox.py, segment.py) on IPv4 (ip.py)
"""
