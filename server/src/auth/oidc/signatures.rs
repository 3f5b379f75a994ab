//! Signatures that another library has made (Python's cryptography), over [`MESSAGE`].

pub(super) const MESSAGE: &[u8] = b"a.b";

pub(super) const RSA_MODULUS: &str = "\
    uXRgNZDTY-ChUib4ReVT_ClfMZB5440mWbfL-jpOrmGBknwr7F7cxhsww3Ug3NuYGVtJbw86ZLL1jX0AgawRvIrcYP5QdH0A\
    zb8-pOLM60I35LtqgW3r1bOx8u0I7O-R--tr6bwqbG9zcgFTUZ7UwrFDT3H29C36-YlSQ7RIXl2gtKsKX-XysTyTvd2Bktt-\
    Bt3IQco5mgTBT41pqfkXtDIqTMMZ5hCQxOMHSYTUMQDXEHL3Kbt8zoaejOKX4D3ukAH6L5tBSb4KjSqBDu2fJ2xxXZuRC5Qs\
    kuEYj0T49dbaaFrrDdRixGm6vxeyUr22-g2if3ZDCJh93xzo0hqMOw";

pub(super) const P256: [&str; 2] =
    ["4UPLlrMYiv9e2xWKY5z0QXH96Ib-H-orfS04wV6oWH0", "T85MVsnkCHwRPaAJEAN8vlAHQ_KMdtqRShXxX_A5PHY"];
pub(super) const P384: [&str; 2] = [
    "iP5o5Mhf3HHqAWqCK2oLF3fLer0eiGM8ghdxa1qAzYHvEHkeQ9--QkPF54Uv0DBX",
    "rN9kisAO4uySo1Jt_gIjz15xafnYDF7P33kdeNi-u354YPKTv_0Dty5gWMCpEapY",
];
pub(super) const ED25519: &str = "00NBYbEFK0fcTJ-AcRMOHjLj2JMr08sPjvK17iyNbAo";

pub(super) const RS256: &str = "\
    O8RROLUTSCP8ju6Kx46pf0Wb1NiuE8hMwQCc6buqgaFjPEE7U7U1w72yJC0ZlXimbJ3soB5CuMZNIem7j1pxgIb2iTtdlUXn\
    3jV__EUnYU98pQW1RNTJCEtv11_THZvxTkP_KcS0eqXi5R3gIDh8KGfvOivkO3IM-2CjdxTtJW2O40oTKujJ7zkEKvgWqDnZ\
    MVwBEmHr-Ns4W0A2d_4eiQNlXcl3inS1U_otTn_boLr6flBNuDbJKTsxAN4WFsw9sjcUlM9hoK6IDyOwojKrgWokNS8oMNMQ\
    ntAXOaxWl8q_XkJn_EEqqcddh2c7oJncxc5tSOSvP4SqHgA_O72doA";
pub(super) const RS512: &str = "\
    jU-NYczZVK_4iZxoo3xJTPhW67fVWIVrKnSXoGbeiD1TInWz7A4HSkLljGz5H5yj3DrqC-fZQKMVZzSkco5d0pdpTPtfwwJB\
    jtIYDoSWzzSb5oMARXHTm5dnaDJI8W1EXxShL-eMBmff8S8D3dBOKeLxXCSv673mYBXQWviPKSfX_LS9ITKkU1OfWzw-Jkxy\
    PnkLYxI-jp3HEMo8BHm7V7BSOFfMgSAvj9wpAh4Mro0VTu4N5pYZTeI-ulZ6lqJjbw_OZvkhnxqWj3hzokz24X9bqfDpWEvH\
    iBCm04T95IT4UdIV1xyHqf1p8NAsh3cCgz-N9Jc9OREXNMvFYFt0wQ";
pub(super) const PS256: &str = "\
    BsdFMDZvZPafZdlSgt5qF31gS8wGxeis9wcaV1183cDrpfCTUhAbbPKFI5Or3kT5Q76Td9OdiRQwM3l8Ux4wfYuxecTggaHi\
    Jpa24qHJ5grBxahgd2gPA3s2wxUD_MDJ6YxGscbufPdM20znU0loeQY-uhfe47Mw7oKETjwXf71nz4C5MVbQsaYEPbxTFQ-V\
    1k4kUMPB0HfAFkCcygkaH_OhC56WDwYqxCCCL0js2Yw3oNir4nlJ3bue3rlbCyhKJ3CFfBnIwUOYzLkDsT4zu7ho9RzuxaqC\
    uMODddf0zVT0ZU59CFRJhUE8lgsj_5SIj9M37FhJ7buvfFXfVgAOtw";
pub(super) const ES256: &str = "gUrwGtLe3RpL5q3zhnpSD2uNbudDvM1QcgX4TqFzIP87LJ-DNaU_VItWYuBMhCpn-v2VJF2f4nNDElYKU24-Kg";
pub(super) const ES384: &str = "\
    xwteb2xF2hubTWCNsuXWhbVQQtjBvKNk_PGXvylGmA_RzxShTQ1sgcUKLNseuMZJtOCiOZsOjP4zzsFxf4DiR_J5MYtDqmSK\
    igjPVVJS-Zk2-SLdR4b_hYJOnCeLTjuJ";
pub(super) const EDDSA: &str = "BhdC-5bFR-BgWZyHFXycYe6A5q3Po1z6NY8RoudtGw4eoO-1htcWMfINe2z9AOoUiCcselRJ7X4cWENi_hxbDw";
