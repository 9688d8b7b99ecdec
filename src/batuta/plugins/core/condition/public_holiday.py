"""Public holidays of a country."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from batuta.errors import BatutaError
from batuta.plugin.condition import DateCondition, Occasion
from batuta.plugin.registry import plugin

_DEFAULT_COUNTRY = "US"
"""That of the default locale, en_US."""


@plugin(
    "io.kestra.plugin.core.condition.PublicHoliday",
    aliases=("io.kestra.plugin.core.condition.PublicHolidayCondition",),
)
class PublicHoliday(DateCondition):
    """The date is a public holiday of a country.

    ```yaml
    type: io.kestra.plugin.core.condition.PublicHoliday
    country: FR
    ```
    """

    of_days: ClassVar[bool] = True

    country: Annotated[str | None, Meta(description="ISO 3166-1 code, such as FR.")] = None
    sub_division: Annotated[str | None, Meta(description="ISO 3166-2 code of a part, such as BY.")] = None

    def holds(self, on: Occasion) -> bool:
        """Look the date up."""
        import holidays

        moment = self.moment(on)
        country = (self.country or _DEFAULT_COUNTRY).upper()
        part = self.sub_division
        if part is not None:
            part = part.upper().removeprefix(f"{country}-")
        try:
            calendar = holidays.country_holidays(country, subdiv=part, years=moment.year)
        except NotImplementedError as error:
            raise BatutaError(f"no public holidays are known: {error}", where="country") from None
        return moment.date() in calendar
