"""`/documents`: visitors add their own documents, and the server's own are described.

A session is told apart by a random id in a header. A request of a session with documents is answered from these alone,
unless it asks for the server's own texts.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from anatili.documents.collection import Collection
from anatili.documents.sessions import SESSION, BusyError, FullError, Limits, Sessions
from anatili.files import MAX_BYTES, UnreadableError
from anatili.files.formats import FORMATS
from anatili.problem import Problem
from anatili.search.live_index import LiveSearch
from anatili.search.manifest import Entry
from anatili.serve.middleware import error_response

HEADER, SCOPE = "X-Anatili-Session", "X-Anatili-Scope"
SHARED = "shared"
NO_UPLOADS = "this server takes no documents"
SHOWN = ("id", "name", "reason", "bytes", "passages", "parts", "part", "language", "kept", "time")
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "keep": {"type": "boolean", "default": False},
                    },
                }
            }
        },
    }
}
"""The form of an upload, for the description of the API."""
SESSION_HEADER = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "description": "The visitor's own random id.",
            "schema": {"type": "string", "pattern": f"^{SESSION.pattern}$"},
        }
    ]
}


@dataclass(frozen=True)
class OwnDocuments:
    """The documents that a server was started with, and those of its visitors; None where there are none."""

    shared: Collection | None = None
    sessions: Sessions | None = None

    def search_for(self, request: Request) -> LiveSearch | None:
        """The search of the session of a request; None if it has no documents, or asks for the server's texts."""
        session = session_of(request)
        if not session or self.sessions is None or request.headers.get(SCOPE, "") == SHARED:
            return None
        return self.sessions.search(session)

    def close(self) -> None:
        for part in (self.shared, self.sessions):
            if part is not None:
                part.close()
                part.readers.close()


def session_of(request: Request) -> str:
    """The session of a request, "" without one; `Problem` if it is not valid."""
    session = request.headers.get(HEADER)
    if session is None:
        return ""
    if not SESSION.fullmatch(session):
        raise Problem(f"{HEADER} must be 22 to 64 random characters of A-Z a-z 0-9 _ -")
    return session


def needed_session(request: Request) -> str:
    if session := session_of(request):
        return session
    raise Problem(f"documents belong to a session: send a random id in the header {HEADER}")


def document_json(entry: Entry) -> dict[str, Any]:
    return {"state": "ready", **{name: getattr(entry, name) for name in SHOWN}}


def shared_json(collection: Collection) -> dict[str, Any]:
    status = collection.status
    return {
        "documents": status.documents,
        "passages": status.passages,
        "skipped": status.skipped,
        "progress": {"done": status.done, "total": status.total, "running": status.is_running},
        "reasons": [{"name": one.name, "code": one.code, "reason": one.reason} for one in status.refused],
        "incomplete": list(status.incomplete),
        "bytes": MAX_BYTES,
    }


def list_documents(own: OwnDocuments, session: str) -> dict[str, Any]:
    entries = own.sessions.entries(session) if session and own.sessions else []
    limits = own.sessions.limits if own.sessions else Limits(file_bytes=0, documents=0, session_bytes=0)
    return {
        "documents": [document_json(entry) for entry in entries],
        "shared": shared_json(own.shared) if own.shared else None,
        "limits": {
            "bytes": limits.file_bytes,
            "documents": limits.documents,
            "session_bytes": limits.session_bytes,
            "types": sorted(FORMATS),
        },
        "uploads": own.sessions is not None,
    }


def refused(status: int, message: str, code: str) -> JSONResponse:
    body = {"message": message, "type": "invalid_request_error", "param": "file", "code": code}
    return JSONResponse({"error": body}, status)


def document_routes(own: OwnDocuments) -> APIRouter:
    routes = APIRouter(tags=["documents"])

    @routes.get("/documents", openapi_extra=SESSION_HEADER)
    async def documents(request: Request) -> dict[str, Any]:
        """List the documents of a session, how far those of the server are indexed, and the limits."""
        return await run_in_threadpool(list_documents, own, session_of(request))

    @routes.post(
        "/documents",
        status_code=201,
        responses={409: {"description": "There is no room."}},
        openapi_extra=FORM | SESSION_HEADER,
    )
    async def add(request: Request) -> Any:
        """Add a document to a session: a form with one `file`, and `keep` to keep it when the session ends."""
        sessions = own.sessions
        if sessions is None:
            return error_response(404, NO_UPLOADS)
        session = needed_session(request)
        async with request.form(max_files=1, max_fields=4) as form:
            file, keep = form.get("file"), str(form.get("keep", "false")).lower()
            if keep not in ("true", "false"):
                raise Problem("`keep` must be true or false")
            if not isinstance(file, UploadFile):
                raise Problem("the form has no file: send it as multipart/form-data in the field `file`")
            data, name = await file.read(), file.filename or "document"
        try:
            entry = await run_in_threadpool(sessions.add, session, name, data, keep=keep == "true")
        except UnreadableError as error:
            return refused(422, str(error), error.code)
        except FullError as error:
            return refused(409, str(error), "full")
        except BusyError as error:
            return error_response(503, str(error), "server_error")
        return document_json(entry)

    @routes.delete("/documents", openapi_extra=SESSION_HEADER)
    async def remove_all(request: Request) -> Any:
        """Delete all documents of a session."""
        return await remove(request, "")

    @routes.delete("/documents/{document_id}", openapi_extra=SESSION_HEADER)
    async def remove(request: Request, document_id: str) -> Any:
        """Delete a document of a session, with all that was indexed of it."""
        if own.sessions is None:
            return error_response(404, NO_UPLOADS)
        count = await run_in_threadpool(own.sessions.remove, needed_session(request), document_id)
        if document_id and not count:
            return error_response(404, f"there is no document {document_id!r} in this session")
        return {"deleted": count}

    return routes
