"""App: the routes beside the console."""

from starlette.applications import Starlette

from platform_app.api import hook_routes, resources
from platform_app.api.analytics import analytics_csv
from platform_app.api.attachments import attachment, linked_media
from platform_app.api.audit import audit_csv
from platform_app.api.crm_oauth import finish_crm_sign_in
from platform_app.api.files import name_taken, refused_rows, replace_source_file, source_file, upload, upload_contacts
from platform_app.api.health import health, healthz, readyz
from platform_app.api.mail_oauth import find_tenant_of_sign_in, finish_mail_sign_in
from platform_app.api.sign_in import claim_session, sign_out
from platform_app.api.tenant_export import tenant_export
from platform_app.api.unsubscribe import show_unsubscribe, unsubscribe
from platform_app.api.web_chat import event_stream, file_routes, visitor_routes, widget_files

_WEB_CHAT = [
    widget_files.widget_file,
    widget_files.appearance,
    widget_files.frame,
    widget_files.try_out,
    visitor_routes.start,
    visitor_routes.send,
    visitor_routes.ask_for_person,
    visitor_routes.typing,
    visitor_routes.rate,
    file_routes.send_file,
    visitor_routes.history,
    event_stream.events,
]
api = Starlette(
    routes=[
        claim_session,
        sign_out,
        name_taken,
        upload,
        source_file,
        replace_source_file,
        upload_contacts,
        refused_rows,
        analytics_csv,
        audit_csv,
        tenant_export,
        *hook_routes.ROUTES,
        finish_crm_sign_in,
        find_tenant_of_sign_in,
        finish_mail_sign_in,
        attachment,
        linked_media,
        show_unsubscribe,
        unsubscribe,
        healthz,
        health,
        readyz,
        *_WEB_CHAT,
        *resources.ROUTES,
    ]
)
