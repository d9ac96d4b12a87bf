"""Chooses an offer, tells what came of it, and reads the decision back."""

import sys
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from promobandit.v1 import common_pb2, offer_service_pb2, offer_service_pb2_grpc
from promobandit.v1 import reward_service_pb2, reward_service_pb2_grpc


def yuan(units: int) -> Money:
    return Money(currency_code="CNY", units=units)


def main(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        offers = offer_service_pb2_grpc.OfferServiceStub(channel)
        rewards = reward_service_pb2_grpc.RewardServiceStub(channel)

        # The request id is kept for retries: the same id gets the same answer.
        request = offer_service_pb2.ChooseOfferRequest(
            request_id=str(uuid.uuid4()),
            placement="checkout",
            shopper_id="shopper-42",
            session_id=str(uuid.uuid4()),
            attributes={
                "favourite_category": common_pb2.AttributeValue(string_value="running"),
            },
            cart=common_pb2.Cart(
                lines=[
                    common_pb2.CartLine(
                        sku="running-shoes", quantity=1, unit_price=yuan(399)
                    )
                ]
            ),
        )
        decision = offers.ChooseOffer(request, timeout=5).decision
        for offer in decision.offers:
            print(f"chose {offer.offer_id} with probability {offer.propensity:.4f}")

        now = Timestamp()
        now.GetCurrentTime()
        purchase = reward_service_pb2.RecordRewardRequest(
            event_id=str(uuid.uuid4()),
            decision_id=decision.decision_id,
            kind=reward_service_pb2.OUTCOME_KIND_PURCHASE,
            event_time=now,
            order_id=f"order-{uuid.uuid4()}",
            lines=[
                reward_service_pb2.OrderLine(
                    sku="running-shoes", quantity=1, price_paid=yuan(349)
                )
            ],
        )
        for _ in range(2):  # the second one is a retry, and counts nothing
            recorded = rewards.RecordReward(purchase, timeout=5)
            result = reward_service_pb2.RewardResult.Name(recorded.result)
            print(f"purchase: {result}, duplicate: {recorded.duplicate}")

        again = offers.GetDecision(
            offer_service_pb2.GetDecisionRequest(decision_id=decision.decision_id),
            timeout=5,
        ).decision
        print(f"decision {again.decision_id} in segment {again.segment} by {again.policy}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7117")
