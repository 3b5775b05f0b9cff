"""Contacts of bodies with the table, with each other and with the hand."""
