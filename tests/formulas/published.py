"""The integrals of erf as the literature writes them, and what goes wrong when they are copied.

Saad & Solla, PRE 52, 4225 (1995), appendix: I2, I3, I4. J2: Biehl & Schwarze, J. Phys. A 28 (1995), and the
supplement of Goldt et al., NeurIPS 2019.
"""

L4 = "((1+C_11)*(1+C_22) - C_12^2)"
L0 = f"({L4}*C_34 - C_23*C_24*(1+C_11) - C_13*C_14*(1+C_22) + C_12*C_13*C_24 + C_12*C_14*C_23)"
L1 = f"({L4}*(1+C_33) - C_23^2*(1+C_11) - C_13^2*(1+C_22) + 2*C_12*C_13*C_23)"
L2 = f"({L4}*(1+C_44) - C_24^2*(1+C_11) - C_14^2*(1+C_22) + 2*C_12*C_14*C_24)"

I2 = "2/pi * arcsin(C_12 / (sqrt(1+C_11) * sqrt(1+C_22)))"
I3 = "2/pi / sqrt((1+C_11)*(1+C_33) - C_13^2) * (C_23*(1+C_11) - C_12*C_13) / (1+C_11)"
I4 = f"4/pi^2 / sqrt({L4}) * arcsin({L0} / (sqrt({L1}) * sqrt({L2})))"
J2 = "2/pi / sqrt(1 + C_11 + C_22 + C_11*C_22 - C_12^2)"

I2_NAME, I3_NAME, I4_NAME, J2_NAME = "I2(1,2)", "I3(1,2,3)", "I4(1,2,3,4)", "J2(1,2)"
BY_HAND = {
    "I2": (I2, I2_NAME),
    "I3": (I3, I3_NAME),
    "I4": (I4, I4_NAME),
    "J2": (J2, J2_NAME),
    "I2, one root": ("2*asin(C_12/sqrt((1+C_11)*(1+C_22)))/pi", I2_NAME),
    "I2, arc tangent": ("2/pi*atan(C_12/sqrt((1+C_11)*(1+C_22)-C_12^2))", I2_NAME),
    "I2, arc cosine": ("1 - 2/pi*acos(C_12/sqrt((1+C_11)*(1+C_22)))", I2_NAME),
    "I2, other order": ("-2/pi*asin(-C_21/sqrt((1+C_22)*(1+C_11)))", I2_NAME),
    "I2, spelled out": ("2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))", "E[g(u_a)*g(u_b)]"),
    "I2, students": ("2/pi*asin(Q_ik/sqrt((1+Q_ii)*(1+Q_kk)))", "E[g(lambda_i)*g(lambda_k)]"),
    "I2, teachers": ("2/pi*asin(R_in/sqrt((1+Q_ii)*(1+T_nn)))", "E[g(λ_i)·g(ρ_n)]"),
    "I2, brackets": ("2/pi*asin(C[a,b]/sqrt((1+C[a,a])*(1+C[b,b])))", "I2"),
    "J2, a minor": ("2/pi*((1+C_11)*(1+C_22)-C_12^2)^(-1/2)", J2_NAME),
    "J2, both widths": ("2/pi/sqrt(1+C_ii)/sqrt(1+C_kk-C_ik^2/(1+C_ii))", "J2"),
    "J2, same unit": ("2/pi/sqrt(1+2*C_ii)", "J2(i,i)"),
    "I3, as a regression": (
        "sqrt(2/pi)/sqrt(1+C_ii) * sqrt(2/pi)*(C_ya - C_yi*C_ia/(1+C_ii))/sqrt(1 + C_aa - C_ia^2/(1+C_ii))",
        "I3",
    ),
    "I3, spelled out": (
        "2/pi/sqrt((1+C_ii)*(1+C_aa)-C_ia^2)*(C_ya*(1+C_ii)-C_yi*C_ia)/(1+C_ii)",
        "E[g'(u_i) * u_y * g(u_a)]",
    ),
    "I3, alpha and beta": ("C_iy*E[g''(u_i)*g(u_a)] + C_ya*J2(i,a)", "I3(i,y,a)"),
    "Stein": ("C_ya * E[g'(u_a)]", "E[u_y * g(u_a)]"),
    "Wick": ("C_aa*C_bb + 2*C_ab^2", "E[u_a^2*u_b^2]"),
    "squared error": ("I2(a,a) - 2*I2(a,b) + I2(b,b)", "E[(g(u_a) - g(u_b))^2]"),
}

# each names its mistake
WRONG = {
    "I2, no factor 2": (I2.replace("2/pi", "1/pi", 1), I2_NAME),
    "I2, wrong sign": ("-" + I2, I2_NAME),
    "I2, no root": ("2/pi*asin(C_12/((1+C_11)*(1+C_22)))", I2_NAME),
    "I2, no arc sine": ("2/pi*C_12/sqrt((1+C_11)*(1+C_22))", I2_NAME),
    "I2, one width": ("2/pi*asin(C_12/(1+C_11))", I2_NAME),
    "I2, gain of erf": ("2/pi*asin(2*C_12/sqrt((1+2*C_11)*(1+2*C_22)))", I2_NAME),
    "I2, a number off in the 12th digit": ("0.636619772368*asin(C_12/sqrt((1+C_11)*(1+C_22)))", I2_NAME),
    "I2, even": ("2/pi*abs(asin(C_12/sqrt((1+C_11)*(1+C_22))))", I2_NAME),
    "J2, sign of the covariance": (J2.replace("- C_12^2", "+ C_12^2"), J2_NAME),
    "J2, no root": (J2.replace("sqrt", ""), J2_NAME),
    "I3, indices 1 and 3 swapped": (
        I3.replace("1", "9").replace("3", "1").replace("9", "3").replace("(3+", "(1+"),
        I3_NAME,
    ),
    "I3, y in the wrong place": (I3.replace("C_23*(1+C_11)", "C_12*(1+C_11)"), I3_NAME),
    "I3, plus for minus": (I3.replace("- C_12*C_13", "+ C_12*C_13"), I3_NAME),
    "I3, one half missing": ("1/2*" + I3, I3_NAME),
    "I3, root missing": (I3.replace("sqrt", ""), I3_NAME),
    "I4, one sign": (I4.replace("+ C_12*C_13*C_24", "- C_12*C_13*C_24"), I4_NAME),
    "I4, one factor 2": (I4.replace("2*C_12*C_14*C_24", "C_12*C_14*C_24"), I4_NAME),
    "I4, prefactor": (I4.replace("4/pi^2", "2/pi"), I4_NAME),
    "I4, one index": (I4.replace("C_23*C_24*(1+C_11)", "C_23*C_24*(1+C_22)"), I4_NAME),
    "Stein, wrong field": ("C_yy * E[g'(u_a)]", "E[u_y * g(u_a)]"),
    "not real everywhere": ("2/pi*asin(C_12/sqrt(C_11*C_22 - 1))", I2_NAME),
}
