"""People, grants and funders."""

from __future__ import annotations

from typing import Literal

from openem_nb.oscem.model._parts import DateTime, Email, Part, Text, Truth, needed, optional
from openem_nb.oscem.model.quantities import QuantityValue

__all__ = ["Author", "Funder", "Grant", "OrganizationType", "Organizational"]

OrganizationType = Literal["Academic", "Commercial", "Government", "Other"]


class Author(Part):
    """Somebody who took part in the experiment."""

    country: Text | None = optional("Country of the institution")
    email: Email = needed("E-mail address")
    family_name: Text = needed("Family name")
    given_name: Text = needed("Given name")
    # The schema says truth where a text would be expected; the documents have to follow it.
    job_title: Truth | None = optional("Job title; the schema allows only true or false here")
    name_org: Text | None = optional("Name of the institution")
    orcid: Text | None = optional("ORCID iD")
    role: Text | None = optional("Role in the project, such as principal investigator")
    telephone: Text | None = optional("Telephone at work")
    type_org: OrganizationType = needed("Kind of institution")


class Funder(Part):
    """Who pays."""

    country: Text | None = optional("Country of the institution")
    funder_name: Text | None = optional("Name of the organization or person")
    type_org: OrganizationType = optional("Kind of institution")


class Grant(Part):
    """A grant."""

    budget: QuantityValue | None = optional("Budget, with its currency as unit")
    country: Text | None = optional("Country of the institution")
    end_date: DateTime | None = optional("When it ends")
    grant_name: Text | None = optional("Name of the grant")
    project_id: Text | None = optional("Number of the project")
    start_date: DateTime | None = optional("When it starts")


class Organizational(Part):
    """People, grants and funders of the project."""

    authors: list[Author] = needed("Authors of the data set")
    funder: list[Funder] | None = optional("Who pays")
    grants: list[Grant] | None = optional("Grants")
