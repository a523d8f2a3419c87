"""What rebuilds the paper: specifications, exhibits, numbers, trust; needs the extra ``study``."""

from aigreen.extras import require

require("study", __name__)
