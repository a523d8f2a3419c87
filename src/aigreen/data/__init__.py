"""From raw files to the firm-year panel; needs the extra ``data``."""

from aigreen.extras import require

require("data", __name__)
