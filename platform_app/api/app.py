"""App: the routes beside the console."""

from starlette.applications import Starlette

from platform_app.api.files import name_taken, refused_rows, source_file, upload, upload_contacts
from platform_app.api.health import healthz, readyz
from platform_app.api.sign_in import claim_session, sign_out
from platform_app.api.webhooks import receive

api = Starlette(
    routes=[
        claim_session,
        sign_out,
        name_taken,
        upload,
        source_file,
        upload_contacts,
        refused_rows,
        receive,
        healthz,
        readyz,
    ]
)
