"""The suite of web shopping, from "go to SITE" upwards as in the goals of Android in the Wild (Rawles et al. 2023,
arXiv 2307.10088) that DigiRL (Bai et al. 2024, arXiv 2406.11896) trains on. Holds the list only.
"""

from agent_runtime.tasks import shop_carts, shop_results, web
from agent_runtime.tasks.base import TaskTemplate

WEBSHOP_TEMPLATES: tuple[TaskTemplate, ...] = (
    web.GoTask(),
    web.NewTabTask(),
    web.FindTask(),
    web.FollowResultTask(),
    shop_results.SearchShopTask(),
    shop_results.OpenFirstTask(),
    shop_carts.AddFirstTask(),
    shop_results.SortTask(),
    shop_results.FilterTask(),
    shop_results.NextPageTask(),
    shop_results.CheapestTask(),
    shop_results.BestRatedTask(),
    shop_carts.OpenItemTask(),
    shop_carts.AddItemTask(),
    shop_carts.AddTwoTask(),
    shop_carts.CheckOutTask(),
    shop_carts.RemoveTask(),
    shop_carts.EmptyCartTask(),
    shop_carts.CompareTask(),
    shop_carts.NotePriceTask(),
    shop_results.RejectCookiesTask(),
)
