"""Mail under fire: a worker is killed while a server has a message and says nothing; it is not sent again by itself."""

from platform_app.engine.rules import rule_runs
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.services.crm import contacts
from platform_app.services.mail import mail_servers
from tests.chaos.conftest import NewWorker, OwnRedis
from tests.conftest import wait_for
from tests.mail_catcher import Catcher
from tests.mailing import EMAIL, FORM
from tests.rules.test_rules import a_rule, runs
from tests.talking import call


def test_a_message_in_doubt_waits_for_a_person(own_redis: OwnRedis, who: Identity, new_worker: NewWorker) -> None:
    with Catcher(signs_in=True) as catcher:
        call(who, mail_servers.save, FORM | {"port": str(catcher.port)})
        a_rule(who, "contact_created", EMAIL)
        a_rule(who, "contact_created", {"kind": "add_tag", "tag": "other"})
        catcher.faults["DATA"] = "hang"
        worker = new_worker("worker", PLATFORM_LEASE_SECONDS="2", PLATFORM_EGRESS_ALLOW="127.0.0.1/32")
        row = call(who, contacts.create, name="Анна", emails=["anna@people.test"])
        wait_for(lambda: catcher.tries == 1, 30)
        worker.kill()
        catcher.faults.clear()
        worker.start()
        wait_for(lambda: [run.state for run in runs(who)] == [RunState.UNCERTAIN, RunState.DONE], 60)
        assert call(who, contacts.get, row.id).tags == ["other"] and catcher.tries == 1
        call(who, rule_runs.retry, runs(who)[0].id)
        wait_for(lambda: runs(who)[0].state == RunState.DONE, 30)
        assert catcher.tries == 2 and len(catcher.letters) == 1
