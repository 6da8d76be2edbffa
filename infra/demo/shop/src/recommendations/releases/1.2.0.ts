import { serve } from "../../service/serve.ts";
import { recommendations } from "../recommendations.ts";
import { visitorRanking } from "../visitor-ranking.ts";

/** 1.2.0: a visitor sees something new with every page. */
await serve(recommendations(visitorRanking()));
