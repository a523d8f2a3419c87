"""The Earth as a sphere."""

EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid
