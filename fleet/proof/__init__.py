"""The proof: docker works for a user, since a container ran and printed, and nothing of it is left.

Pure: `proof_script` gives the sh to run as that user (`for_user` wraps it for another user than the one who logged in),
`read_proof` reads what it printed. The container's program is carried along (`program`, `image`): no registry is asked.
"""

from fleet.proof.image import PLATFORMS
from fleet.proof.reading import Proof, ProofFailed, read_proof
from fleet.proof.script import SECONDS, for_user, proof_script

__all__ = ["PLATFORMS", "SECONDS", "Proof", "ProofFailed", "for_user", "proof_script", "read_proof"]
