export const garments = ['coat', 'scarf', 'hat'] as const
export type Garment = (typeof garments)[number]

/** How many of each hang on a visitor's hook. */
export type Cart = Partial<Record<Garment, number>>

export const maxOfEach = 9

/** The cart with one garment more or less. Pure, because `session.update` may run it again on a newer cart. */
export function withChange(cart: Cart = {}, garment: Garment, step: 1 | -1): Cart {
  const count = Math.min(maxOfEach, Math.max(0, (cart[garment] ?? 0) + step))
  return { ...cart, [garment]: count }
}
