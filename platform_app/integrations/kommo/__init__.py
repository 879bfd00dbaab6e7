"""Kommo: client of the CRM that is called amoCRM in Russia (amocrm.ru/developers, developers.kommo.com)."""
