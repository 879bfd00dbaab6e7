"""CRM registry: every CRM that can be connected."""

from platform_app.integrations.base import CrmType
from platform_app.integrations.bitrix24.crm import BITRIX24
from platform_app.integrations.kommo.crm import KOMMO
from platform_app.models.integration import CrmKind

CRM_TYPES: dict[CrmKind, CrmType] = {crm.kind: crm for crm in (KOMMO, BITRIX24)}
