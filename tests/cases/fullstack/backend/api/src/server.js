import express from "express";

import { port, publicUrl } from "../../shared/config.js";
import { todoRoutes } from "./routes.js";
import { todoService } from "./service.js";
import { openStore } from "./store.js";

const app = express();
app.use(express.json({ limit: "100kb" }));
app.use("/api", todoRoutes(todoService(openStore())));
app.listen(port, () => console.log(`listening on ${publicUrl()}`));
