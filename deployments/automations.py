"""Example automations on our events: `python deployments/automations.py --webhook URL`, as often as you like.

- **ptx: run again**: a run that did not succeed is run once more with the same parameters; what was finished is reused.
  A run that an automation started is not answered by another.
- **ptx: tell a person**: a review, an exhausted budget or a failed section is posted to the webhook as JSON.

Both are updated, not doubled, when the script is run again. `--remove` deletes them. The names and labels of the
events stand in docs/how-to/deploy.md.
"""

from __future__ import annotations

import argparse
from datetime import timedelta

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events import EventTrigger
from prefect.events.actions import CallWebhook, RunDeployment
from prefect.events.schemas.automations import Posture

AGAIN, TELL = "ptx: run again", "ptx: tell a person"
BLOCK = "ptx-notify"


def run_again(wait_s: float) -> Automation:
    """Runs the deployment of an unsuccessful run once more, with the parameters of that run."""
    return Automation(
        name=AGAIN,
        description="Runs a task that did not succeed once more; finished sections are reused.",
        trigger=EventTrigger(
            expect={"ptx.run.finished"},
            match={"ptx.status": ["partial", "failed"], "ptx.started-by-automation": "no"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="inferred",
                parameters={"spec": "{{ flow_run.parameters.spec }}"},
                schedule_after=timedelta(seconds=wait_s),
            )
        ],
    )


def tell_a_person(webhook: str) -> Automation:
    """Posts what a person should know of to a webhook (a chat, a pager, a program of yours)."""
    block = Webhook(method="POST", url=webhook)
    block_id = block.save(BLOCK, overwrite=True)
    payload = (
        '{"event": {{ event.event | tojson }}, "task": {{ event.resource["ptx.task"] | tojson }}, '
        '"details": {{ event.payload | tojson }}}'
    )
    return Automation(
        name=TELL,
        description="Posts reviews, exhausted budgets and failed sections to a webhook.",
        trigger=EventTrigger(
            expect={"ptx.review.requested", "ptx.budget.exhausted", "ptx.section.failed"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block_id, payload=payload)],
    )


def put(wanted: Automation) -> None:
    """Create it, or bring the one of that name up to date."""
    remove(wanted.name)
    made = wanted.create()
    print(f"{made.name}: {made.id}")


def remove(name: str) -> None:
    """Delete every automation of that name."""
    with get_client(sync_client=True) as client:
        for row in client.read_automations_by_name(name):
            client.delete_automation(row.id)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webhook", metavar="URL", help="where to post what a person should know of")
    parser.add_argument("--wait", type=float, default=60.0, metavar="S", help="seconds before a run is run again")
    parser.add_argument("--remove", action="store_true", help="delete both automations")
    args = parser.parse_args()
    if args.remove:
        remove(AGAIN)
        remove(TELL)
        return
    put(run_again(args.wait))
    if args.webhook:
        put(tell_a_person(args.webhook))


if __name__ == "__main__":
    main()
