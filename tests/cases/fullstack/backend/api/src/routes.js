import { Router } from "express";

export function todoRoutes(service) {
  const routes = Router();
  const answer = async (request, response) => {
    const id = request.params.id === undefined ? undefined : Number(request.params.id);
    const { status, body } = await service.handle(request.method, id, request.body);
    response.status(status);
    return body === undefined ? response.end() : response.json(body);
  };
  routes.get("/todos", answer);
  routes.post("/todos", answer);
  routes.patch("/todos/:id", answer);
  routes.delete("/todos/:id", answer);
  return routes;
}
