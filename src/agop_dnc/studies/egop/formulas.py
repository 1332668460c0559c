"""The targets by name, with their formulas as readers see them."""

# The targets' formulas, as readers know them.
FORMULAS = {
    "product": "x₁x₂",
    "squared_sum": "(x₁+x₂)²",
    "sine_of_sum": "sin(x₁+x₂)",
    "absolute_sum": "|x₁+x₂+x₃|",
    "gaussian_bump": "exp(−x₁²−x₂²)",
    "staircase": "x₁+x₁x₂+x₁x₂x₃",
    "parabola_and_line": "x₁²+2x₂",
}
