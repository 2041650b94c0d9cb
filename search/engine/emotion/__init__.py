"""How a customer feels by the words of one message: angry, anxious, neutral or pleased.

`reading` finds the signs in a text, `model` weighs them, `fitting` learns the weights from `messages.txt`.
"""
