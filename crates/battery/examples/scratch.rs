use surrogate_battery::cell::sets; use surrogate_battery::solve::*;
fn main(){ 
 let cell=sets::named("Chen2020").unwrap(); for (c,m) in [(2.0,0.5),(2.0,0.3),(2.0,0.2),(2.2,0.2),(1.0,0.2),(2.0,0.15)]{ let p=[ProtocolStep::discharge(&cell,c)];
 for (n,s) in [(8,3),(12,4),(20,5),(30,5)] {
  let o=Options{electrode_nodes:n,separator_nodes:s,multipliers:Multipliers::default().with(Parameter::ElectrolyteDiffusivity,m),..Options::default()};
  match simulate(&cell,Model::P2d,&p,&o) { Ok(a)=>println!("{c}C De*{m} {n}/{s}: {:.2} s {:?} {:?}",a.end_time_s(),a.ended,a.work), Err(e)=>println!("{c}C De*{m} {n}/{s}: {e}")}
 }}}
