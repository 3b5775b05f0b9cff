CHEAP = {'width': 160, 'height': 120, 'rays': 1500}
