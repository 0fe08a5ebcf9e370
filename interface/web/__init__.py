"""The web app: pages served to browsers on this machine.

A page NAME is `pages/NAME.py` (its routes and HTML), `static/NAME.js` (its script) and `templates/NAME*.html`.
To add one, name it in `navigation.py` and its routes in `app.py`.
"""
