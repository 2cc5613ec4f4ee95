"""The workplace in a browser: ``usnet serve``. How another room adds pages to it:

**A page.** Make ``web/yours/pages.py`` with a ``router`` and a tuple ``NAV`` (links in the head of every page), and add the
module to ``PAGES`` in :mod:`usnet.web.app`. Templates lie in ``web/templates/yours/``, extend ``base.html`` and fill its blocks
``title``, ``main`` and, if needed, ``head``, ``body_class``. Static files lie in ``web/static/``; ``{{ static('name') }}``
gives their address. ::

    router = APIRouter(tags=["pages"])
    NAV = (NavItem("/annotate", N_("Annotate"), ("annotator",)),)

    @router.get("/annotate/{task}")
    def page(request: Request, place: Place, user: Annotated[User, require("annotator")], task: str) -> Response:
        with reading(place.engine) as session:
            row = session.get(Task, task)
        owned(user, row.owner if row else None)            # 404 for what belongs to somebody else, as for what is not there
        return render(request, user, "yours/page.html", row=row)

Handlers are plain ``def`` (they run in a thread) unless they stream. Of ``place``: ``place.engine``, ``place.settings``,
``place.keyed(purpose, text)`` for hashes.

**Who asks.** ``user: CurrentUser`` for anybody signed in, ``Annotated[User, require("reader")]`` for a role (administrators
pass always); ``user.id`` goes into tables and logs, ``user.name`` on the page only. Object-level checks: ``owned(user,
owner_id)``, or ``user.may_see(owner_id)``. Every route has them; ``tests/web`` tries every route with every role.

**Changing something.** Every unsafe method passes the CSRF check by itself. A form includes ``{{ csrf_field }}``; a script
sends the header ``X-CSRF-Token`` with the content of ``<meta name="csrf">`` (HTMX requests get it from ``usnet.js``). A program
with a bearer token needs none. Write, audit and submit in one transaction::

    with writing(place.engine) as session:
        session.add(...)
        audit(session, place, user, "annotation saved", task=task, version=3)       # ids and numbers; never a name
        submit_job(session, place, "yours-kind", key, {"task": task})               # QueueFull becomes 429

**Jobs.** Add ``handlers(place, alive)`` of your room to ``handlers_of`` in :mod:`usnet.web.worker`: ``kind -> function(job) ->
result``. Workers are processes with bounded memory that may be killed at any moment: a handler must be safe to run twice. It
calls ``alive()`` at each step, raises :class:`usnet.store.worker.Refused` for what no retry can mend, and everything that
decodes a user's file belongs there, never into the server.

**Words.** ``{{ _("Save") }}`` in templates, ``translate(request, "Save")`` in Python, ``N_("Save")`` for what is translated
later. ``scripts/web-words`` collects them into ``web/locale/``; ``tests/web`` fails where a message has no Chinese.

**Tables** stand on ``store.tables.Base`` in a module of your own, with their step in ``store/migrations/versions``.

**Errors.** Any :class:`~usnet.errors.UsnetError` becomes 400 with its text, ``HTTPException(404, "words.")`` what it says: a
page for people, ``{"detail": ...}`` for programs. Paths below ``/api/`` always answer JSON.

**Bodies.** Requests are bounded to 1 MiB, uploads (``UPLOADS`` in :mod:`usnet.web.limits`) to ``settings.max_upload``; stream
them with :func:`usnet.web.uploads.receive`.

**Rules of the page.** The policy forbids inline scripts, inline styles and anything from another host. Colour is never the only
sign. ``tests/web`` runs axe on every page in light and dark, at 360 and 1440 pixels.

Imports: ``from usnet.web.guard import CurrentUser, Place, audit, owned, require``; ``from usnet.web.pages import NavItem,
render``; ``from usnet.web.roles import User``; ``from usnet.web.words import N_, translate``; ``from usnet.web.queueing import
submit_job``; ``from usnet.store.database import reading, writing``. Needs the extra ``web``.
"""

from __future__ import annotations
