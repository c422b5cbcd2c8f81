//! Ports are given once, and a taken one is replaced.

use std::net::TcpListener;

use glasshouse::backing::Ports;

#[test]
fn a_free_port_is_given_once() {
    let free = Ports::any().pick(0).unwrap().number;
    let ports = Ports::well_known();
    let first = ports.pick(free).unwrap();
    assert_eq!((first.number, first.instead_of), (free, None));
    let second = ports.clone().pick(free).unwrap();
    assert_ne!(second.number, free);
    assert_eq!(second.instead_of, Some(free));
}

#[test]
fn a_taken_port_is_replaced_whatever_address_it_is_taken_on() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let other = TcpListener::bind(address).unwrap();
        let taken = other.local_addr().unwrap().port();
        let port = Ports::well_known().pick(taken).unwrap();
        assert_ne!(port.number, taken);
        assert_eq!(port.instead_of, Some(taken));
        TcpListener::bind(port.address()).unwrap();
    }
}

#[test]
fn any_port_is_no_replacement() {
    let port = Ports::any().pick(15432).unwrap();
    assert_eq!(port.instead_of, None);
}
