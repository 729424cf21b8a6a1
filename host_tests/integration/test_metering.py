# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""MeterValues and transactionData, beside the simulated meter and each other."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from bench.messages import parse_utc
from host_tests.integration.case import (
    ANY,
    CARD,
    OTHER,
    Case,
    status,
)
from host_tests.integration.sampled import (
    ENERGY,
    INTERVAL,
    LOOP,
    STATIONS,
    check_form,
    ends,
    moment,
    numbers,
    only,
)

AT_ONCE = 8

SOCKET = "generic_socket"
TWO = "xcharge_c6"
ASIDE = ("MeterValues",)


# --- MeterValues while it charges ---------------------------------------------------------------------------


@pytest.mark.parametrize("station", STATIONS)
async def test_070_sampled(station):
    names, phases, nominal_v = STATIONS[station]
    async with Case(station, aside=ASIDE, MeterValueSampleInterval=1) as case:
        await case.change("MeterValuesSampledData", names)
        begun = await case.charging()
        values = [only(message) for message in await case.collect(4)]
        state = await case.connector()
        started = parse_utc(begun.payload["timestamp"])
        for index, value in enumerate(values):
            check_form(value, "Sample.Periodic", names, phases)
            assert abs((moment(value) - started).total_seconds() - (index + 1)) < 0.3
        samples = [numbers(value) for value in values]
        registers = [begun.payload["meterStart"], *(sample[ENERGY] for sample in samples)]
        assert registers == sorted(registers)
        assert registers[0] == 1000
        assert 1000 < registers[-1] <= state["register_wh"]
        if INTERVAL in names:
            assert sum(sample[INTERVAL] for sample in samples) == registers[-1] - registers[0]
        if "Power.Active.Import" not in names:
            return
        for before, after in pairwise(samples):
            watts = (before["Power.Active.Import"] + after["Power.Active.Import"]) / 2
            if before["Power.Active.Import"] == after["Power.Active.Import"]:  # the ramp is over
                assert abs(after[ENERGY] - before[ENERGY] - watts / 3600) <= 2 + watts / 3600 * 0.3
        last = samples[-1]
        for _ in range(6):  # on a busy machine the car is still on its ramp
            if last["Power.Active.Import"] == state["power_w"]:
                break
            last = numbers(only((await case.collect(1))[-1]))
            state = await case.connector()
        current = [last[key] for key in last if key.startswith("Current.Import")]
        voltage = [last[key] for key in last if key.startswith("Voltage")]
        assert len(current) == len(voltage) == phases
        assert current == [ma / 1000 for ma in state["current_ma"]]
        assert voltage == [mv / 1000 for mv in state["voltage_mv"]]
        assert (
            abs(last["Power.Active.Import"] - sum(u * i for u, i in zip(voltage, current, strict=True))) <= 25
        )
        assert last["Power.Active.Import"] == state["power_w"] > 3000
        assert last["Current.Offered"] == state["offered_a"]
        assert last["Power.Offered"] == last["Current.Offered"] * nominal_v * phases
        assert 20 <= last["Temperature"] <= 60
        if "SoC" in names:
            assert last["SoC"] == state["car"]["soc"]
            assert last["Current.Export"] == last["Energy.Active.Export.Register"] == 0
        if "Frequency" in names:
            assert last["Frequency"] == 50


async def test_two_connectors_are_metered_apart():
    async with Case(TWO, aside=ASIDE, MeterValueSampleInterval=1) as case:
        await case.charging(CARD, 1)
        await case.charging(OTHER, 2, transaction=2)
        messages = await case.collect(7)
        for number in case.numbers:
            of_it = [m for m in messages if m.payload["connectorId"] == number]
            registers = [numbers(only(m, number, number))[ENERGY] for m in of_it]
            assert len(registers) >= 2
            assert registers == sorted(registers)
            assert 1000 * number <= registers[0] <= 1000 * number + 99


async def test_a_change_of_the_interval_counts_at_once():
    async with Case(aside=ASIDE, MeterValueSampleInterval=600) as case:
        await case.charging()
        await asyncio.sleep(0.5)
        assert case.taken() == []
        await case.change("MeterValueSampleInterval", 1)
        await case.collect(2, within=2.5)
        await case.change("MeterValueSampleInterval", 0)
        case.taken()
        await asyncio.sleep(1.5)
        assert case.taken() == []
        await case.change("MeterValueSampleInterval", 1)
        await case.collect(1, within=1.5)


async def test_what_is_measured_is_changed_at_once():
    async with Case(SOCKET, aside=ASIDE, MeterValueSampleInterval=1) as case:
        await case.charging()
        for names, keys in (
            ("", {ENERGY}),  # nothing configured is the standard's default measurand
            (
                "current.import.l1,Voltage",
                {"Current.Import.L1", "Voltage.L1-N", "Voltage.L2-N", "Voltage.L3-N"},
            ),
            ("Temperature," + ENERGY, {"Temperature", ENERGY}),
        ):
            await case.change("MeterValuesSampledData", names)
            case.taken()
            (message,) = (await case.collect(1, within=2))[:1]
            assert set(numbers(only(message))) == keys


async def test_a_car_with_one_phase_at_a_station_with_three():
    async with Case(SOCKET, aside=ASIDE, MeterValueSampleInterval=1) as case:
        await case.do("car", phases=1, amps=10)
        await case.change("MeterValuesSampledData", "Current.Import,Power.Active.Import,Voltage")
        await case.charging()
        sample = numbers(only((await case.collect(2))[1]))
        assert [sample[f"Current.Import.L{phase}"] for phase in (1, 2, 3)] == [10, 0, 0]
        assert sample["Voltage.L1-N"] == 229
        assert sample["Voltage.L2-N"] == sample["Voltage.L3-N"] == 230
        assert sample["Power.Active.Import"] == 2290


async def test_the_values_while_the_car_pauses():
    async with Case(SOCKET, aside=ASIDE, MeterValueSampleInterval=1) as case:
        await case.change(
            "MeterValuesSampledData", "Current.Import,Power.Active.Import,Current.Offered," + ENERGY
        )
        await case.charging()
        await case.until(lambda state: state["register_wh"] > 1001)
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        register_wh = (await case.connector())["register_wh"]
        case.taken()
        for message in await case.collect(2):
            sample = numbers(only(message))
            assert sample.pop(ENERGY) == register_wh
            assert sample.pop("Current.Offered") == 32
            assert set(sample.values()) == {0}


# --- by the clock -------------------------------------------------------------------------------------------


async def test_071_clock_aligned():
    names = LOOP + "," + INTERVAL
    async with Case(aside=ASIDE) as case:
        await case.change("MeterValuesAlignedData", names)
        begun = await case.charging()
        await case.change("ClockAlignedDataInterval", 2)
        messages = await case.collect(3)
        values = [only(message) for message in messages]
        for message, value in zip(messages, values, strict=True):
            check_form(value, "Sample.Clock", names, 1)
            at = moment(value)
            assert (at.second % 2, at.microsecond) == (0, 0)  # 20 s would be :00 :20 :40
            assert -0.15 <= (message.at - at).total_seconds() <= 1
        times = [moment(value) for value in values]
        assert times[1] - times[0] == times[2] - times[1] == timedelta(seconds=2)
        samples = [numbers(value) for value in values]
        assert samples[0][ENERGY] >= begun.payload["meterStart"]
        for before, after in pairwise(samples):
            assert after[INTERVAL] == after[ENERGY] - before[ENERGY] > 0


async def test_clock_aligned_with_nobody_there():
    async with Case(TWO, aside=ASIDE, ClockAlignedDataInterval=1) as case:
        case.taken()
        messages = await case.collect(4)
        for message in messages:
            number = message.payload["connectorId"]
            value = only(message, None, number)
            check_form(value, "Sample.Clock", ENERGY, 1)
            assert numbers(value) == {ENERGY: 1000 * number}
        assert {message.payload["connectorId"] for message in messages} == {1, 2}
        await case.charging(connector=2)
        case.taken()
        for message in await case.collect(2):
            number = message.payload["connectorId"]
            only(message, 1 if number == 2 else None, number)
        await case.change("ClockAlignedDataInterval", 0)
        case.taken()
        await asyncio.sleep(1.5)
        assert case.taken() == []


async def test_both_rhythms_at_once():
    async with Case(aside=ASIDE, MeterValueSampleInterval=1, ClockAlignedDataInterval=2) as case:
        await case.change("MeterValuesAlignedData", INTERVAL)
        await case.change("MeterValuesSampledData", ENERGY)
        case.taken()
        await case.charging()
        values = [m.payload["meterValue"][0] for m in await case.collect(7)]
        periodic = [
            numbers(v)[ENERGY] for v in values if v["sampledValue"][0]["context"] == "Sample.Periodic"
        ]
        aligned = [numbers(v)[INTERVAL] for v in values if v["sampledValue"][0]["context"] == "Sample.Clock"]
        assert len(periodic) >= 4
        assert len(aligned) >= 2
        # Each series counts its own interval: two seconds at 7.6 kW are 4 Wh.
        assert 3 <= aligned[-1] <= 5


# --- transactionData ----------------------------------------------------------------------------------------


async def test_transaction_data():
    names = f"Power.Active.Import,{ENERGY}"
    async with Case(SOCKET, aside=ASIDE, MeterValueSampleInterval=1, ClockAlignedDataInterval=2) as case:
        await case.change("StopTxnSampledData", names)
        await case.change("StopTxnAlignedData", INTERVAL)
        case.taken()
        begun = await case.charging()
        await case.collect(6)
        stopped = await ends(case, transactionData=ANY)
        data = stopped["transactionData"]
        check_form(data[0], "Transaction.Begin", names, 3)
        check_form(data[-1], "Transaction.End", f"{names},{INTERVAL}", 3)
        assert data[0]["timestamp"] == begun.payload["timestamp"]
        assert data[-1]["timestamp"] == stopped["timestamp"]
        assert numbers(data[0])[ENERGY] == begun.payload["meterStart"] == 1000
        assert numbers(data[-1])[ENERGY] == stopped["meterStop"] == (await case.connector())["register_wh"]
        assert numbers(data[-1])[INTERVAL] == stopped["meterStop"] - 1000  # of the whole transaction
        between = data[1:-1]
        contexts = [value["sampledValue"][0]["context"] for value in between]
        assert contexts.count("Sample.Periodic") >= 3
        assert contexts.count("Sample.Clock") >= 1
        for value, context in zip(between, contexts, strict=True):
            check_form(value, context, names if context == "Sample.Periodic" else INTERVAL, 3)
        assert [moment(value) for value in data] == sorted(moment(value) for value in data)
        registers = [numbers(value)[ENERGY] for value in data if ENERGY in numbers(value)]
        assert registers == sorted(registers)


async def test_transaction_data_is_begin_and_end_at_least():
    async with Case(StopTxnSampledData=ENERGY) as case:
        await case.charging()
        stopped = await ends(case, transactionData=ANY)
        contexts = [value["sampledValue"][0]["context"] for value in stopped["transactionData"]]
        assert contexts == ["Transaction.Begin", "Transaction.End"]


async def test_transaction_data_has_a_limit():
    async with Case(
        TWO,
        aside=ASIDE,
        MeterValueSampleInterval=1,
        StopTransactionMaxMeterValues=4,
        StopTxnSampledData=f"{ENERGY},SoC,Voltage",
    ) as case:
        await case.charging()
        await case.collect(5)
        stopped = await ends(case, transactionData=ANY)
        data = stopped["transactionData"]
        contexts = [value["sampledValue"][0]["context"] for value in data]
        assert contexts[0] == "Transaction.Begin"
        assert contexts[-1] == "Transaction.End"
        assert 3 <= len(data) <= 4
        assert set(contexts[1:-1]) == {"Sample.Periodic"}
        for value, context in zip(data, contexts, strict=True):
            check_form(value, context, f"{ENERGY},SoC,Voltage", 1)


async def test_the_lists_of_the_stations():
    """The *MaxLength of the certificates, and measurands that a station does not have: refused, unchanged."""
    eight = [*LOOP.split(","), INTERVAL]
    async with Case("loop_evs32a") as case:
        for key, most in (
            ("MeterValuesSampledData", 7),
            ("MeterValuesAlignedData", 8),
            ("StopTxnSampledData", 6),
            ("StopTxnAlignedData", 7),
        ):
            await case.change(key, ",".join(eight[:most]))
            if most < 8:
                more = ",".join(eight[: most + 1])
                assert await case.ask("ChangeConfiguration", key=key, value=more) == "Rejected"
            for wrong in ("SoC", ENERGY + ",Energy", ENERGY + ".L1", "Voltage.L1"):
                assert await case.ask("ChangeConfiguration", key=key, value=wrong) == "Rejected"
            answer = await case.station.call("GetConfiguration", {"key": [key, key + "MaxLength"]})
            texts = [entry["value"] for entry in answer["configurationKey"]]
            assert texts == [",".join(eight[:most]), str(most)]


async def test_a_station_without_transaction_data():
    async with Case("ecarplug_ac", aside=ASIDE, MeterValueSampleInterval=1) as case:
        for key in ("StopTxnSampledData", "StopTxnAlignedData"):
            assert await case.ask("ChangeConfiguration", key=key, value=ENERGY) == "Rejected"
        two = ENERGY + ",Power.Active.Import"
        assert await case.ask("ChangeConfiguration", key="MeterValuesSampledData", value=two) == "Rejected"
        await case.charging()
        await case.collect(2)
        await ends(case)  # without the field
