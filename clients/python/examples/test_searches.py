"""A limit on what an application may ask of the network: at a beamline every IOC hears every search."""

PVS = 2
SEARCHES_A_PV = 3  # the first, and two for a busy machine


def test_the_interlock_connects_in_few_searches(database, caplay_sim, interlock):
    server = caplay_sim(database)
    with interlock(lines=1) as application:
        assert application.line() == "ok 0.0"
    server.stop()
    assert PVS <= server.observations.searches <= PVS * SEARCHES_A_PV
    assert server.observations.circuits == 1
    assert server.observations.lost_searches == 0
    assert server.observations.connect_s < 30
