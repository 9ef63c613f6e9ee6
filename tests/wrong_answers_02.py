"""Wrong answers to the exercises of chapter 2, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

WRONG = {}
