from elicitation.followup import views as followup
from elicitation.review import by_hand, cases, merges, upgrades
from study.panel.urls import ONE, inside

app_name = "review"

urlpatterns = [
    inside(ONE + "cases/", cases.cases, "cases"),
    inside(ONE + "cases/draft/", cases.draft, "draft-cases"),
    inside(ONE + "cases/progress/", cases.progress, "cases-progress"),
    inside(ONE + "cases/<int:number>/", cases.decide_case, "decide-case"),
    inside(ONE + "upgrades/", upgrades.upgrades, "upgrades"),
    inside(ONE + "upgrades/propose/", upgrades.propose, "propose"),
    inside(ONE + "upgrades/progress/", upgrades.progress, "upgrades-progress"),
    inside(ONE + "upgrades/<int:number>/", upgrades.decide_upgrade, "decide"),
    inside(ONE + "merges/", merges.merges, "merges"),
    inside(ONE + "merges/progress/", merges.progress, "merges-progress"),
    inside(ONE + "merges/search/", merges.search, "search-merges"),
    inside(ONE + "merges/<int:number>/", merges.decide_merge, "decide-merge"),
    inside(ONE + "merges/accept/", merges.accept_shown, "accept-merges"),
    inside(ONE + "merges/by-hand/", by_hand.by_hand, "by-hand"),
    inside(ONE + "merges/decisions/", merges.decisions, "decisions"),
    inside(ONE + "merges/split/", merges.split, "split"),
    inside(ONE + "follow-up/", followup.follow_up, "follow-up"),
    inside(ONE + "follow-up/links/", followup.links, "follow-up-links"),
    inside(ONE + "merges/curve/", merges.curve, "curve"),
    inside(ONE + "merges/curve/<slug:name>.svg", merges.figure, "curve-figure"),
]
