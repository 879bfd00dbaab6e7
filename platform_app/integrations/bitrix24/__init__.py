"""Bitrix24: the REST API of a portal, and a portal as a CRM that is connected."""
