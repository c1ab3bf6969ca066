from elicitation.review import views
from study.panel.urls import ONE, inside

app_name = "review"

urlpatterns = [
    inside(ONE + "upgrades/", views.upgrades, "upgrades"),
    inside(ONE + "upgrades/propose/", views.propose, "propose"),
    inside(ONE + "upgrades/<int:number>/", views.decide_upgrade, "decide"),
    inside(ONE + "merges/", views.merges, "merges"),
    inside(ONE + "merges/split/", views.split, "split"),
]
