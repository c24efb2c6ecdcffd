"""Muon: momentum whose singular values are all made one (Jordan et al., 2024, kellerjordan.github.io/posts/muon),
scaled as in "Muon is Scalable for LLM Training" (arXiv 2502.16982), so that AdamW's learning rates fit.

torch.optim.Muon is the same but works in bfloat16, one matrix at a time; on CPUs without AMX that takes twice as long as
this, and a fifth of a training step.
"""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(x: torch.Tensor, steps: int) -> torch.Tensor:
    """(N, rows, columns) matrices to about U V^T of their singular value decompositions, by Newton-Schulz."""
    a, b, c = COEFFICIENTS; tall = x.shape[1] > x.shape[2]
    if tall: x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices only; all of one shape are worked on at once."""

    def __init__(self, params, lr, momentum=.95, weight_decay=.05, steps=4):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, steps=steps))

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            shapes = {}
            for p in g["params"]: shapes.setdefault(p.shape, []).append(p)
            for (rows, columns), ps in shapes.items():
                update = []
                for p in ps:
                    m = self.state[p].setdefault("momentum", torch.zeros_like(p)); m.lerp_(p.grad, 1 - g["momentum"])
                    update.append(p.grad.lerp(m, g["momentum"]))          # Nesterov's
                scale = .2 * max(rows, columns) ** .5 * g["lr"]
                for p, u in zip(ps, orthogonal(torch.stack(update), g["steps"])):
                    p.mul_(1 - g["lr"] * g["weight_decay"]).sub_(u, alpha=scale)
