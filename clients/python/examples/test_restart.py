"""An IOC is rebooted, and the application goes on by itself."""


def test_the_interlock_survives_a_restart(database, caplay_sim, interlock):
    server = caplay_sim(database)
    with interlock() as application:
        assert application.line() == "ok 0.0"
        server.restart()
        assert application.line() == "ok 0.0"  # from the new server: nothing has changed
    server.stop()
    assert server.observations.subscriptions == 1
