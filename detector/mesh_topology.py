"""Names for the 468 points of the face mesh, in the numbering of MediaPipe (Kartynnik et al. 2019).

Left and right are the picture's, not the person's.
"""

from typing import Final

MESH: Final = 468
CROP_SIDE: Final = 128
"""Pixels of the square in which the landmark network looks at a face."""

LEFT_EYE_RIM: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE_RIM: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
"""Around the opening, from the outer corner along the lower lid."""
OUTER_LIPS: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Around the lips and around their opening, from the left corner along the lower lip."""
OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The face's outline, from the middle of the forehead by the picture's right side and the chin."""

LEFT_EYE: Final = (33, 133, 159, 145)
RIGHT_EYE: Final = (362, 263, 386, 374)
MOUTH: Final = (61, 291, 13, 14)
"""Corners and lids, or inner rims of the lips: their mean is the middle."""
