"""What every exported file begins with: lemmas and tactics, all of them proved where they stand."""

REALS = """\
From Coq Require Import Reals Lra Psatz Lia ZArith.
Open Scope R_scope.
"""

ALGEBRA = """\
Lemma gap_lt (g a b : R) : b - a = g -> 0 < g -> a < b. Proof. lra. Qed.
Lemma gap_le (g a b : R) : b - a = g -> 0 <= g -> a <= b. Proof. lra. Qed.
Lemma gap_gt (g a b : R) : a - b = g -> 0 < g -> a > b. Proof. lra. Qed.
Lemma gap_ge (g a b : R) : a - b = g -> 0 <= g -> a >= b. Proof. lra. Qed.
Lemma gap_eq (g a b : R) : a - b = g -> g = 0 -> a = b. Proof. lra. Qed.
Lemma gap_ne (g a b : R) : a - b = g -> 0 < g -> a <> b. Proof. lra. Qed.
Lemma gap_ne_below (g a b : R) : b - a = g -> 0 < g -> a <> b. Proof. lra. Qed.

Lemma int_cases (n : BinNums.Z) : IZR n <= -1 \\/ IZR n = 0 \\/ 1 <= IZR n.
Proof.
  assert (C : (n <= -1 \\/ n = 0 \\/ 1 <= n)%Z) by lia.
  destruct C as [C | [C | C]];
  [left; apply (IZR_le n (-1)) | right; left; now rewrite C | right; right; apply (IZR_le 1)]; exact C.
Qed.

Lemma next (m n : BinNums.Z) : IZR m < IZR n -> IZR (m + 1) <= IZR n.
Proof. intros L; apply IZR_le; apply lt_IZR in L; lia. Qed.

Ltac to_reals H := repeat rewrite ?plus_IZR, ?minus_IZR, ?mult_IZR, ?opp_IZR in H.
Ltac nonzero := first [ assumption | apply PI_neq0 | apply Rgt_not_eq; lra | apply Rlt_not_eq; lra
  | apply Rgt_not_eq; nra | apply Rlt_not_eq; nra ].
Ltac by_field := first [ reflexivity | solve [ field; repeat split; nonzero ] | nra ].
Ltac positive := repeat first [ assumption | apply Rmult_lt_0_compat | apply Rmult_le_pos | apply Rinv_0_lt_compat
  | apply pow_lt | apply pow_le | apply Rlt_le, Rinv_0_lt_compat | apply Rlt_le; assumption | lra ].

(* cases, and facts about integers *)
Ltac decide_atoms := repeat match goal with
  | |- context [?a = ?b] => match type of a with R => lazymatch goal with
      | H : a = b |- _ => fail | H : a <> b |- _ => fail | _ => destruct (Req_EM_T a b) end end
  | |- context [?a >= ?b] => lazymatch goal with
      | H : a >= b |- _ => fail | H : ~ a >= b |- _ => fail | _ => destruct (Rge_dec a b) end
  | |- context [?a > ?b] => lazymatch goal with
      | H : a > b |- _ => fail | H : ~ a > b |- _ => fail | _ => destruct (Rgt_dec a b) end
  | |- context [?a <= ?b] => lazymatch goal with
      | H : a <= b |- _ => fail | H : ~ a <= b |- _ => fail | _ => destruct (Rle_dec a b) end
  | |- context [?a < ?b] => lazymatch goal with
      | H : a < b |- _ => fail | H : ~ a < b |- _ => fail | _ => destruct (Rlt_dec a b) end
  end.
Ltac cases := intros; repeat (intros; match goal with
  | |- _ /\\ _ => split
  | |- _ <-> _ => split
  | H : _ \\/ _ |- _ => destruct H
  | H : _ /\\ _ |- _ => destruct H
  | H : ~ (_ /\\ _) |- _ => apply Decidable.not_and_iff in H
  | |- context [Rle_dec ?a ?b] => destruct (Rle_dec a b)
  | |- context [Rlt_dec ?a ?b] => destruct (Rlt_dec a b)
  | |- context [Rge_dec ?a ?b] => destruct (Rge_dec a b)
  | |- context [Rgt_dec ?a ?b] => destruct (Rgt_dec a b)
  | |- context [Req_EM_T ?a ?b] => destruct (Req_EM_T a b)
  | H : context [Rle_dec ?a ?b] |- _ => destruct (Rle_dec a b)
  | H : context [Rlt_dec ?a ?b] |- _ => destruct (Rlt_dec a b)
  | H : context [Rge_dec ?a ?b] |- _ => destruct (Rge_dec a b)
  | H : context [Rgt_dec ?a ?b] |- _ => destruct (Rgt_dec a b)
  | H : context [Req_EM_T ?a ?b] |- _ => destruct (Req_EM_T a b)
  | |- _ \\/ _ => decide_atoms; first [ tauto | exfalso ]
  end).
Ltac orders := repeat match goal with
  | H : ~ (_ <= _) |- _ => apply Rnot_le_lt in H
  | H : ~ (_ < _) |- _ => apply Rnot_lt_le in H
  | H : ~ (_ >= _) |- _ => apply Rnot_ge_lt in H
  | H : ~ (_ > _) |- _ => apply Rnot_gt_le in H
  | H : _ >= _ |- _ => apply Rge_le in H
  | H : _ > _ |- _ => apply Rgt_lt in H
  end.
Ltac whole := repeat rewrite <- ?plus_IZR, <- ?minus_IZR, <- ?mult_IZR, <- ?opp_IZR in *;
  repeat match goal with
  | H : IZR _ <= IZR _ |- _ => apply le_IZR in H
  | H : IZR _ < IZR _ |- _ => apply lt_IZR in H
  | H : IZR _ = IZR _ |- _ => apply eq_IZR in H
  | H : IZR ?a <> IZR ?b |- _ => assert (a <> b) by congruence; clear H
  end; match goal with
  | |- IZR _ <= IZR _ => apply IZR_le
  | |- IZR _ >= IZR _ => apply Rle_ge, IZR_le
  | |- IZR _ < IZR _ => apply IZR_lt
  | |- IZR _ = IZR _ => apply f_equal
  | |- False => idtac
  end; first [ lia | nia ].
Ltac side := solve [ assumption | orders; first [ solve [ whole ] | lra | nra ] ].

(* a part whose sums stand in another order *)
Lemma same_lt (c d a b : R) : c < d -> a - b = c - d -> a < b. Proof. lra. Qed.
Lemma same_le (c d a b : R) : c <= d -> a - b = c - d -> a <= b. Proof. lra. Qed.
Lemma same_gt (c d a b : R) : c > d -> a - b = c - d -> a > b. Proof. lra. Qed.
Lemma same_ge (c d a b : R) : c >= d -> a - b = c - d -> a >= b. Proof. lra. Qed.
Lemma same_eq (c d a b : R) : c = d -> a - b = c - d -> a = b. Proof. lra. Qed.
Ltac rearranged part := lazymatch goal with
  | |- _ < _ => eapply same_lt
  | |- _ <= _ => eapply same_le
  | |- _ > _ => eapply same_gt
  | |- _ >= _ => eapply same_ge
  | |- _ = _ => eapply same_eq
  end; [ eapply part; side | unfold Rdiv; ring ].
"""
