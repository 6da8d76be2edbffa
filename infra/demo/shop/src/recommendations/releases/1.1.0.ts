import { serve } from "../../service/serve.ts";
import { categoryRanking } from "../category-ranking.ts";
import { recommendations } from "../recommendations.ts";

await serve(recommendations(categoryRanking));
