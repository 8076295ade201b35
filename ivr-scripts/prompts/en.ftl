# What callers hear in English. One message, one recording of the same name; `.label` is what a button shows.
# A menu says an item and then its key, so an item ends openly: "For delivery," - "press 3."

welcome = Welcome to Tandem shop.
welcome_short = Hello again.

delivery = For delivery,
    .label = Delivery
billing = For bills and payment,
    .label = Bills and payment
returns = For returns,
    .label = Returns
operator = To speak to a person,
    .label = Speak to a person

press-0 = press zero.
press-1 = press one.
press-2 = press two.
press-3 = press three.
press-4 = press four.
press-5 = press five.
press-6 = press six.
press-7 = press seven.
press-8 = press eight.
press-9 = press nine.
press-star = press star.
press-pound = press pound.

usual_menu = For the usual menu, press nine.
    .label = Usual menu
no_input = Sorry, I did not hear a key.
no_match = Sorry, that key is not in use here.

ask_order = Please enter your order number, then press pound.
order_is = Your order number is
confirm_is = The number we have is
confirm_keys = If that is right, press one. For another number, press two.
resume_offer = You were here before and did not finish. To continue,
    .label = Continue where you stopped

returns_how = How would you like to send it back?
return_label = For a label by message,
    .label = Label by message
return_courier = For a courier,
    .label = Courier
label_sent = We are sending you the label now.

connecting = I am connecting you.
goodbye = Thank you for calling. Goodbye.

digit-0 = zero
digit-1 = one
digit-2 = two
digit-3 = three
digit-4 = four
digit-5 = five
digit-6 = six
digit-7 = seven
digit-8 = eight
digit-9 = nine
