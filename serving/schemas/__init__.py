"""Requests and answers of the HTTP service.

Field names are those of `recsys.RecommendationRequest` and `recsys.Recommendations`.
What a request says is checked by these models; what an answer says is described by them,
for the OpenAPI document, and checked in the tests.
"""
