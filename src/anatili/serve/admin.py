"""`/admin`, what the operator of a server sees (load, quotas, feedback and errors), and `/feedback`, what readers send.

Neither has any text of a user.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from anatili import __version__
from anatili.serve.activity import Activity
from anatili.serve.chat import AppState
from anatili.serve.feedback import Feedback, FeedbackFile
from anatili.serve.middleware import AccessRules, error_response, is_admin_page
from anatili.serve.page import static_file


def admin_routes(state: AppState, rules: AccessRules, activity: Activity, feedback: FeedbackFile | None) -> APIRouter:
    routes = APIRouter(tags=["server"])

    @routes.get("/admin", response_model=dict[str, Any])
    async def admin(request: Request) -> Any:
        """Show load, keys with what they have used, visitors, errors and feedback. It needs a key made for this.

        A browser gets a page that shows the same."""
        if is_admin_page(request):
            return static_file("admin.html", headers={"Vary": "Accept"})
        slots = state.slots
        return {
            "version": __version__,
            "model": state.assistant.name,
            "load": {
                "slots": slots.count,
                "running": slots.running,
                "waiting": slots.waiting,
                "max_waiting": slots.max_waiting,
            },
            "limits": {"public": rules.public, "per_minute": rules.per_minute, "per_day": rules.per_day},
            "keys": [
                {
                    "name": key.name,
                    "per_minute": rules.per_minute_of(key),
                    "admin": key.admin,
                    "expires": key.expires and key.expires.isoformat(),
                    "expired": key.has_expired(),
                    "requests_today": activity.requests[key.name],
                    "over_limit_today": activity.refused[key.name],
                }
                for key in rules.keys.keys.values()
            ],
            "keys_problem": rules.keys.problem,
            "feedback": feedback.summary() if feedback else None,
            **activity.summary(),
        }

    @routes.post("/feedback", status_code=204)
    async def give_feedback(body: Feedback) -> Response:
        """Say whether an answer or a translation was good. No text is taken."""
        if feedback is None:
            return error_response(404, "this server keeps no feedback; its operator can start it with --feedback FILE")
        await run_in_threadpool(feedback.add, body)
        return Response(status_code=204)

    return routes
